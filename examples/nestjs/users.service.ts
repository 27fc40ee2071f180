import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model } from 'mongoose';
import { User } from './user.schema.js';

/** No method asks first whether a value is free: the unique index decides, without a race. */
@Injectable()
export class UsersService implements OnModuleInit {
  constructor(@InjectModel(User.name) private readonly users: Model<User>) {}

  /** The application listens once the unique index is built, and does not start without it. */
  async onModuleInit() {
    await this.users.init();
  }

  create(user: Partial<User>) {
    return this.users.create(user);
  }

  /** Creates the user, or updates the one with this email address. */
  put(email: string, user: Partial<User>) {
    return this.users.saveOrUpsert({ ...user, email });
  }
}
