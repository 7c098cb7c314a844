// The second half of the experts: y[r, i] += sum over slots s of weight_s * (W_e[i] . x[r, s]), e the slot's expert.
// The slots are summed in order, so the result does not depend on timing. The stack may be cut by experts: slots
// whose expert lies outside add nothing.
//
// LANES threads share ROWS outputs i; workgroup x counts outputs, z rows.

struct Params {
  slots: u32,
  ff: u32,            // channels of an expert: the width of W
  x_stride: u32,      // elements from one slot of x to the next
  width: u32,         // outputs: the rows of W
  first_expert: u32,
  expert_count: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight as f32 bits
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn add(row: u32, output: u32, value: f32) {
  if (output < params.width) {
    y[row * params.y_stride + output] += value;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let output = group.x * ROWS_HERE + thread / LANES;
  let blocks = (params.ff + 31u) / 32u;
  var sum = vec4<f32>(0.0);
  for (var s = 0u; s < params.slots; s++) {
    let slot = group.z * params.slots + s;
    let route = routes[slot];
    let matrix = route.x - params.first_expert;
    if (matrix >= params.expert_count) {
      continue;
    }
    var product = vec4<f32>(0.0);
    for (var block = thread % LANES; block < blocks; block += LANES) {
      let w = load_rows(matrix, output, block, params.width, blocks);
      product += dot_rows(w, factor(x_block(slot * params.x_stride + 32u * block, params.ff - 32u * block)));
    }
    sum += bitcast<f32>(route.y) * product;
  }
  sum = over_lanes(0u, sum, thread);
  if (thread % LANES != 0u) {
    return;
  }
  add(group.z, output, sum.x);
  if (ROWS > 1u) {
    add(group.z, output + ROW_STEP, sum.y);
  }
  if (ROWS > 2u) {
    add(group.z, output + 2u * ROW_STEP, sum.z);
    add(group.z, output + 3u * ROW_STEP, sum.w);
  }
}
