import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Error as MongooseErrors } from 'mongoose';
import { toProblemDetails } from 'mongoose-unique-guard';

/** Answers every ValidationError of Mongoose: 409 for a duplicate, 422 for other invalid input. */
@Catch(MongooseErrors.ValidationError)
export class ValidationErrorFilter implements ExceptionFilter<MongooseErrors.ValidationError> {
  catch(error: MongooseErrors.ValidationError, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const { url } = http.getRequest<Request>();
    const problem = toProblemDetails(error, { instance: url });
    if (problem === undefined) throw error;
    http
      .getResponse<Response>()
      .status(problem.status)
      .type('application/problem+json')
      .json(problem);
  }
}
