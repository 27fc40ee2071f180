import { Controller, Param, Post } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model } from 'mongoose';
import { Page } from './page.schema.js';

@Controller('pages')
export class PagesController {
  constructor(@InjectModel(Page.name) private readonly pages: Model<Page>) {}

  @Post(':slug')
  create(@Param('slug') slug: string) {
    return this.pages.create({ slug });
  }
}
