import { Body, Controller, HttpStatus, Inject, Param, Post, Put, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { User } from './user.schema.js';
import { UsersService } from './users.service.js';

@Controller('users')
export class UsersController {
  constructor(@Inject(UsersService) private readonly users: UsersService) {}

  @Post()
  create(@Body() user: Partial<User>) {
    return this.users.create(pick(user));
  }

  @Put(':email')
  async put(
    @Param('email') email: string,
    @Body() user: Partial<User>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { doc, created } = await this.users.put(email, pick(user));
    response.status(created ? HttpStatus.CREATED : HttpStatus.OK);
    return doc;
  }
}

/** Nothing else that a client sends gets as far as the model. An app has a ValidationPipe for this. */
function pick({ email, name }: Partial<User>): Partial<User> {
  return {
    ...(typeof email === 'string' && { email }),
    ...(typeof name === 'string' && { name }),
  };
}
