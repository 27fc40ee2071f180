/** A schema for a sharded collection: the unique index and the input begin with the shard key. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const articleSchema = new Schema(
  {
    tenant: { type: String, required: true },
    slug: { type: String, required: true },
    title: String,
  },
  { shardKey: { tenant: 1 } },
);
articleSchema.index({ tenant: 1, slug: 1 }, { unique: true });
articleSchema.plugin(uniqueGuard, {
  conflictTarget: ['tenant', 'slug'],
  indexes: { tenant_1_slug_1: { path: 'slug', message: 'This tenant has a page "{VALUE}"' } },
});
const TenantArticle = model('TenantArticle', articleSchema);

export async function run(): Promise<void> {
  await TenantArticle.init();
  const home = { tenant: 'acme', slug: 'home' };
  const { created } = await TenantArticle.saveOrUpsert({ ...home, title: 'Home' });
  console.log(created); // true
  const { doc } = await TenantArticle.saveOrUpsert({ ...home, title: 'Welcome' });
  console.log(doc.title); // Welcome
  await TenantArticle.create(home).catch((error: unknown) => {
    console.log(String(error)); // ValidationError: slug: This tenant has a page "home"
  });
}
