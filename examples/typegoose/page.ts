import {
  getModelForClass,
  index,
  plugin,
  prop,
  type DocumentType,
  type ReturnModelType,
} from '@typegoose/typegoose';
import { uniqueGuard } from 'mongoose-unique-guard';

@index({ tenant: 1, slug: 1 }, { unique: true })
@plugin(uniqueGuard, {
  indexes: {
    // The index spans both paths, but the slug is the one that a user would change.
    tenant_1_slug_1: { path: 'slug', message: 'This tenant already has a page "{VALUE}"' },
  },
})
export class Page {
  @prop({ type: String, required: true, lowercase: true })
  public tenant!: string;

  @prop({ type: String, required: true, lowercase: true })
  public slug!: string;

  @prop({ type: String, required: [true, 'Enter a title'] })
  public title!: string;

  @prop({ type: Number, default: 0 })
  public edits!: number;

  public get path(): string {
    return `/${this.tenant}/${this.slug}`;
  }

  /** Creates the page, or changes its title; the document has the methods of this class and `save()`. */
  public static async publish(
    this: ReturnModelType<typeof Page>,
    page: Pick<Page, 'tenant' | 'slug' | 'title'>,
  ): Promise<{ page: DocumentType<Page>; created: boolean }> {
    const { doc, created } = await this.saveOrUpsert(page, {
      conflictTarget: ['tenant', 'slug'],
      onConflict: { $set: { title: page.title }, $inc: { edits: 1 } },
    });
    return { page: doc, created };
  }
}

export const PageModel = getModelForClass(Page);
