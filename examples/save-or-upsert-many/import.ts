/** Many rows in few round trips, each with its outcome; two rows with one key act in order. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const productSchema = new Schema({
  sku: { type: String, required: true, unique: true },
  barcode: { type: String, unique: true, sparse: true },
  price: { type: Number, min: 0 },
});
productSchema.plugin(uniqueGuard, { conflictTarget: 'sku' });
const Product = model('Product', productSchema);

export async function run(): Promise<void> {
  await Product.init();
  await Product.create({ sku: 'a', barcode: '1', price: 1 });
  const { results, ...counts } = await Product.saveOrUpsertMany(
    [
      { sku: 'a', price: 2 },
      { sku: 'b', price: 3 },
      { sku: 'b', price: 4 },
      { sku: 'c', price: -1 },
      { sku: 'd', barcode: '1' },
    ],
    { batchSize: 1000 },
  );
  console.log(JSON.stringify(counts)); // {"created":1,"updated":2,"unchanged":0,"skipped":0,"failed":2}
  for (const { index, error } of results) if (error) console.log(index, error.message);
  // 3 Product validation failed: price: Path `price` (-1) is less than minimum allowed value (0).
  // 4 Product validation failed: barcode: Path `barcode` must be unique.
}
