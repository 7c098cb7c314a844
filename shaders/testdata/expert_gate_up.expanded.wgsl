// expert_gate_up format=f32 aligned=true lanes=4
const ALIGNED: bool = true;
const LANES: u32 = 4u;
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

// The weight of an RMSNorm that is applied to x on the way.
@group(0) @binding(2) var<storage, read> norm: array<f32>;

// Elements k .. k+3 of the norm, of which `left` exist; the others count as 0.
fn norm4(k: u32, left: u32) -> vec4<f32> {
  if (left >= 4u) {
    return vec4<f32>(norm[k], norm[k + 1u], norm[k + 2u], norm[k + 3u]);
  }
  var v = vec4<f32>(0.0);
  if (left > 0u) { v.x = norm[k]; }
  if (left > 1u) { v.y = norm[k + 1u]; }
  if (left > 2u) { v.z = norm[k + 2u]; }
  return v;
}

// The first half of the experts: y[r, s, i] = silu(gate_i . n) * (up_i . n), n = RMSNorm(x[r]), for the expert that
// row r visits in slot s. Gate and up rows lie in one matrix an expert, up from row up_row on.
// The stack may be cut by experts: slots whose expert lies outside leave y alone.
//
// LANES threads share a channel i; workgroup x counts channels, y slots, z rows.

struct Params {
  slots: u32,
  ff: u32,            // channels of an expert
  up_row: u32,
  matrix_rows: u32,   // rows of an expert's matrix
  width: u32,
  first_expert: u32,
  expert_count: u32,
  x_stride: u32,
  y_stride: u32,      // elements from one slot of y to the next
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<vec3<f32>, 64>;  // of each thread: gate, up, sum of squares

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let slot = group.z * params.slots + group.y;
  let expert = routes[slot].x;
  let present = expert >= params.first_expert && expert - params.first_expert < params.expert_count;
  let channels = 64u / LANES;
  let first = group.x * channels;
  let channel = first + thread / LANES;
  let blocks = (params.width + 31u) / 32u;
  var sums = vec3<f32>(0.0);
  if (present && channel < params.ff) {
    let matrix = expert - params.first_expert;
    for (var block = thread % LANES; block < blocks; block += LANES) {
      var gate = load_block(matrix, channel, block, params.matrix_rows, blocks);
      var up = load_block(matrix, params.up_row + channel, block, params.matrix_rows, blocks);
      let left = params.width - 32u * block;
      for (var i = 0u; i < 8u; i++) {
        let k = 32u * block + 4u * i;
        let here = left - min(left, 4u * i);
        let v = x4(group.z * params.x_stride + k, here);
        let n = v * norm4(k, here);
        sums += vec3<f32>(dot(gate[i], n), dot(up[i], n), dot(v, v));
      }
    }
  }
  partial[thread] = sums;
  workgroupBarrier();
  if (present && thread < channels && first + thread < params.ff) {
    var total = vec3<f32>(0.0);
    for (var lane = 0u; lane < LANES; lane++) {
      total += partial[thread * LANES + lane];
    }
    let rms = sqrt(total.z / f32(params.width) + params.epsilon);
    let gate = total.x / rms;
    y[slot * params.y_stride + first + thread] = gate / (1.0 + exp(-gate)) * (total.y / rms);
  }
}

