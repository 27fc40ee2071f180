/** A key that is unique for each tenant, with the error on the field that a user can change. */
import { model, Schema } from 'mongoose';
import { toProblemDetails, uniqueGuard } from 'mongoose-unique-guard';

const projectSchema = new Schema({
  tenant: { type: Schema.Types.ObjectId, required: true },
  name: { type: String, required: true, trim: true },
});
projectSchema.index({ tenant: 1, name: 1 }, { unique: true });
projectSchema.plugin(uniqueGuard, {
  conflictTarget: ['tenant', 'name'],
  indexes: { tenant_1_name_1: { path: 'name', message: 'You have a project "{VALUE}" already' } },
});
const Project = model('TenantProject', projectSchema);

export async function run(): Promise<void> {
  await Project.init();
  const acme = '65a000000000000000000001';
  const other = '65a000000000000000000002';
  await Project.create({ tenant: acme, name: 'Website' });
  await Project.create({ tenant: other, name: 'Website' });

  const error = await Project.create({ tenant: acme, name: 'Website' }).catch(
    (one: unknown) => one,
  );
  for (const { pointer, detail } of toProblemDetails(error)?.errors ?? []) {
    console.log(pointer, detail); // #/name You have a project "Website" already
  }
  const { created } = await Project.saveOrUpsert({ tenant: acme, name: 'Website' });
  console.log(created, await Project.countDocuments()); // false 2
}
