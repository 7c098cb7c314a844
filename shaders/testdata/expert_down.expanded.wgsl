// expert_down format=f32 aligned=true lanes=2
const ALIGNED: bool = true;
const LANES: u32 = 2u;
// f32: a block is 8 words of 4 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = ((matrix * rows + row) * blocks + block) * 8u;
  for (var i = 0u; i < 8u; i++) {
    out[i] = bitcast<vec4<f32>>(weights[at + i]);
  }
  return out;
}

// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+3, of which `left` belong to the row: here always all.
fn x4(at: u32, left: u32) -> vec4<f32> {
  return x[at / 4u];
}

// The second half of the experts: y[r, i] += sum over slots s of weight_s * (W_e[i] . x[r, s]), e the slot's expert.
// The slots are summed in order, so the result does not depend on timing. The stack may be cut by experts: slots
// whose expert lies outside add nothing.
//
// LANES threads share an output i; workgroup x counts outputs, z rows.

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

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let outputs = 64u / LANES;
  let first = group.x * outputs;
  let row = first + thread / LANES;
  let blocks = (params.ff + 31u) / 32u;
  var sum = 0.0;
  if (row < params.width) {
    for (var s = 0u; s < params.slots; s++) {
      let slot = group.z * params.slots + s;
      let route = routes[slot];
      if (route.x < params.first_expert || route.x - params.first_expert >= params.expert_count) {
        continue;
      }
      var product = 0.0;
      for (var block = thread % LANES; block < blocks; block += LANES) {
        var w = load_block(route.x - params.first_expert, row, block, params.width, blocks);
        let left = params.ff - 32u * block;
        for (var i = 0u; i < 8u; i++) {
          product += dot(w[i], x4(slot * params.x_stride + 32u * block + 4u * i, left - min(left, 4u * i)));
        }
      }
      sum += bitcast<f32>(route.y) * product;
    }
  }
  partial[thread] = sum;
  workgroupBarrier();
  if (thread < outputs && first + thread < params.width) {
    let at = group.z * params.y_stride + first + thread;
    var total = y[at];
    for (var lane = 0u; lane < LANES; lane++) {
      total += partial[thread * LANES + lane];
    }
    y[at] = total;
  }
}

