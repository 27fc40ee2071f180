/** What becomes of a document that is there: skipped, replaced, written in part, counted up. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const articleSchema = new Schema({
  slug: { type: String, unique: true },
  title: { type: String, required: true },
  note: String,
  views: { type: Number, default: 0 },
});
articleSchema.plugin(uniqueGuard, { conflictTarget: 'slug' });
const Article = model('Article', articleSchema);

export async function run(): Promise<void> {
  await Article.init();
  await Article.create({ slug: 'home', title: 'Home', note: 'first', views: 7 });
  const input = { slug: 'home', title: 'Welcome' };
  const show = async () => {
    const article = await Article.findOne({ slug: 'home' });
    console.log(article?.title, article?.note, article?.views);
  };
  await Article.saveOrUpsert(input, { onConflict: 'skip' });
  await show(); // Home first 7
  await Article.saveOrUpsert({ ...input, views: 0 }, { onConflict: { only: ['title'] } });
  await show(); // Welcome first 7
  await Article.saveOrUpsert(input, { onConflict: { $inc: { views: 1 } } });
  await show(); // Welcome first 8
  await Article.saveOrUpsert({ slug: 'home', note: 'second' }, { validateModifiedOnly: true });
  await show(); // Welcome second 8
  await Article.saveOrUpsert(input, { onConflict: 'replace' });
  await show(); // Welcome undefined 0
}
