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
