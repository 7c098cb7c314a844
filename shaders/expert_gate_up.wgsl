// The first half of the experts: y[r, s, i] = act(gate_i . n) * (up_i . n), n = RMSNorm(x[r]), for the expert that
// row r visits in slot s; act is silu, or with RELU the positive part. Gate and up rows lie in one matrix an expert, up from row up_row on.
// The stack may be cut by experts: slots whose expert lies outside leave y alone.
//
// LANES threads share ROWS channels i; workgroup x counts channels, y slots, z rows.

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

// act(gate) * up. The exponent is held below that of the largest f32: WGSL does not promise infinities.
fn activate(gate: vec4<f32>, up: vec4<f32>) -> vec4<f32> {
  if (RELU) {
    return max(gate, vec4<f32>(0.0)) * up;
  }
  return gate / (1.0 + exp(min(-gate, vec4<f32>(80.0)))) * up;
}

fn write(slot: u32, channel: u32, value: f32) {
  if (channel < params.ff) {
    y[slot * params.y_stride + channel] = value;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let slot = group.z * params.slots + group.y;
  let matrix = routes[slot].x - params.first_expert;
  if (matrix >= params.expert_count) {
    return;
  }
  let channel = group.x * ROWS_HERE + thread / LANES;
  let blocks = (params.width + 31u) / 32u;
  var gate = vec4<f32>(0.0);
  var up = vec4<f32>(0.0);
  var square = 0.0;
  for (var block = thread % LANES; block < blocks; block += LANES) {
    let k = 32u * block;
    let left = params.width - k;
    let v = x_block(group.z * params.x_stride + k, left);
    let n = factor(normed(v, k, left));
    gate += dot_rows(load_rows(matrix, channel, block, params.matrix_rows, blocks), n);
    up += dot_rows(load_rows(matrix, params.up_row + channel, block, params.matrix_rows, blocks), n);
    square += dot_block(v, v);
  }
  gate = over_lanes(0u, gate, thread);
  up = over_lanes(1u, up, thread);
  square = over_lanes(2u, vec4<f32>(square), thread).x;
  if (thread % LANES != 0u) {
    return;
  }
  let rms = sqrt(square / f32(params.width) + params.epsilon);
  let activated = activate(gate / rms, up / rms);
  write(slot, channel, activated.x);
  if (ROWS > 1u) {
    write(slot, channel + ROW_STEP, activated.y);
  }
  if (ROWS > 2u) {
    write(slot, channel + 2u * ROW_STEP, activated.z);
    write(slot, channel + 3u * ROW_STEP, activated.w);
  }
}
