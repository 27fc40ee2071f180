/**
 * What a library exports of this package's results without naming their types. Its declarations have to
 * name them, so each type that is reached here is an export of the package.
 */
import mongoose from 'mongoose';
import { isUniqueValidationError, uniqueGuard, toProblemDetails } from 'mongoose-unique-guard';
interface RawUser {
  email: string;
  logins: number;
}
const schema = new mongoose.Schema<RawUser>({
  email: { type: String, unique: true },
  logins: Number,
});
schema.plugin(uniqueGuard);
export const User = mongoose.model('User', schema);
const inferred = new mongoose.Schema({ email: { type: String, required: true }, n: Number });
export const Page = mongoose.model('Page', inferred);
export const save = (email: string) => User.saveOrUpsert({ email });
export const saveLean = (email: string) =>
  User.saveOrUpsert({ email }, { lean: { virtuals: true } });
export const saveVirtuals = (email: string) =>
  Page.saveOrUpsert({ email }, { lean: { virtuals: ['a'] } });
export const saveMany = () => User.saveOrUpsertMany([]);
export const entry = async () => (await User.saveOrUpsertMany([])).results[0];
export const check = () => User.checkUnique({});
export const checkDoc = () => new User({}).checkUnique();
export const audit = () => User.auditUniqueIndexes();
export const one = async () => (await audit()).indexes[0];
export const status = async () => (await audit()).indexes[0]?.status;
export const difference = async () => (await audit()).indexes[0]?.differences?.[0];
export const blocking = async () => (await audit()).indexes[0]?.blocking;
export const group = async () => (await audit()).indexes[0]?.blocking?.groups[0];
export const undeclared = async () => (await audit()).undeclared[0];
export const fields = (error: unknown) =>
  isUniqueValidationError(error, User) ? error.errors.email : undefined;
export const whole = (error: unknown) => (isUniqueValidationError(error, User) ? error : undefined);
export const plain = (error: unknown) => (isUniqueValidationError(error) ? error : undefined);
export const problem = (error: unknown) => toProblemDetails(error);
export const problems = (error: unknown) => toProblemDetails(error)?.errors[0];
