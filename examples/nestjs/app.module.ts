import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { PagesController } from './pages.controller.js';
import { Page, PageSchema } from './page.schema.js';
import { User, UserSchema } from './user.schema.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

const database = MongooseModule.forRoot(
  process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/nestjs-example',
  {
    // For every schema of the connection; one that applies the plugin itself keeps its own options.
    connectionFactory: (connection: Connection) => {
      connection.plugin(uniqueGuard, { message: 'This {PATH} is already in use' });
      return connection;
    },
  },
);

const models = MongooseModule.forFeatureAsync([
  {
    name: User.name,
    // For one schema.
    useFactory: () =>
      UserSchema.plugin(uniqueGuard, { message: 'This {PATH} is already registered' }),
  },
  { name: Page.name, useFactory: () => PageSchema },
]);

@Module({
  imports: [database, models],
  controllers: [UsersController, PagesController],
  providers: [UsersService],
})
export class AppModule {}
