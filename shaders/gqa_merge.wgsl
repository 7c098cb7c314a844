// The splits of grouped-query attention together: y[r, h] = (sum of splits) / (sum of weights), each split scaled to the common
// maximum. Splits are merged in order. Workgroup x is a head, y a row of the step.

struct Params {
  heads: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> partial_sums: array<f32>;  // (rows, SPLITS, heads, 2 + HEAD_DIM)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // (rows, heads x HEAD_DIM)

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y;
  let splits = splits_used(positions[row * (3u + HEAD_DIM) + 1u]);
  let stride = params.heads * (2u + HEAD_DIM);  // from split to split
  let at = (row * SPLITS * params.heads + head) * (2u + HEAD_DIM);
  var largest = NOTHING;
  for (var s = 0u; s < splits; s++) {
    largest = max(largest, partial_sums[at + s * stride]);
  }
  for (var i = thread; i < HEAD_DIM; i += THREADS) {
    var sum = 0.0;
    var total = 0.0;
    for (var s = 0u; s < splits; s++) {
      let weight = exp(partial_sums[at + s * stride] - largest);
      sum += weight * partial_sums[at + s * stride + 2u + i];
      total += weight * partial_sums[at + s * stride + 1u];
    }
    y[row * params.y_stride + head * HEAD_DIM + i] = sum / total;
  }
}
