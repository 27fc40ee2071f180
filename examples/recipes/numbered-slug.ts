/** A slug from a title, with a number where it is in use: the index decides, many callers at once. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const postSchema = new Schema({
  title: { type: String, required: true },
  slug: { type: String, required: true, unique: true },
});
postSchema.plugin(uniqueGuard);
const Post = model('NumberedPost', postSchema);

const toSlug = (title: string) => title.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Tries `home`, `home-2`, `home-3` …; a random end saves round trips where most are in use. */
async function publish(title: string) {
  const slug = toSlug(title);
  for (let number = 1; number <= 20; number += 1) {
    try {
      return await Post.create({ title, slug: number === 1 ? slug : `${slug}-${String(number)}` });
    } catch (error) {
      const isTaken = isUniqueValidationError(error, Post) && error.errors.slug !== undefined;
      if (!isTaken) throw error;
    }
  }
  throw new Error(`No free slug for "${title}"`);
}

export async function run(): Promise<void> {
  await Post.init();
  const posts = await Promise.all(['Home', 'home', 'HOME'].map(publish));
  console.log(
    posts
      .map(({ slug }) => slug)
      .sort()
      .join(),
  ); // home,home-2,home-3
  console.log((await publish('Home')).slug); // home-4
}
