/** Messages of one's own: by path, by index, for all; in the language of the reader. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const pageSchema = new Schema({
  code: { type: String, unique: [true, 'This code is in use'] },
  tenant: String,
  slug: String,
  title: { type: String, unique: true },
});
pageSchema.index({ tenant: 1, slug: 1 }, { unique: true });
pageSchema.plugin(uniqueGuard, {
  message: ({ path, value }) => `${path}: "${String(value)}" ist schon vergeben`,
  indexes: { tenant_1_slug_1: { path: 'slug', message: '"{VALUE}" is taken here' } },
});
const Page = model('Page', pageSchema);

export async function run(): Promise<void> {
  await Page.init();
  const home = { code: 'a', tenant: 'acme', slug: 'home', title: 'Home' };
  await Page.create(home);
  for (const page of [
    { ...home, slug: 'b', title: 'B' },
    { ...home, code: 'c', title: 'C' },
    { ...home, code: 'd', slug: 'd' },
  ]) {
    await Page.create(page).catch((error: unknown) => {
      console.log(String(error));
    });
  }
  // ValidationError: code: This code is in use
  // ValidationError: slug: "home" is taken here
  // ValidationError: title: title: "Home" ist schon vergeben
}
