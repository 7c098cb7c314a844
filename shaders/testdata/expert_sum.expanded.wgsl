// expert_sum
// What a row's experts say, together: y[r, i] += weight_s * x[r, s, i] for slot after slot s, as expert_down.wgsl does it for a row alone.
// Slots whose expert lies outside the part of the stack add nothing.
//
// A thread does one i; workgroup y is the row.

struct Params {
  slots: u32,
  first_expert: u32,
  expert_count: u32,
  width: u32,
  x_stride: u32,  // elements from one slot of x to the next
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight as f32 bits
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = 64u * group.x + thread;
  if (i >= params.width) {
    return;
  }
  let at = group.y * params.y_stride + i;
  var sum = y[at];
  for (var s = 0u; s < params.slots; s++) {
    let visit = group.y * params.slots + s;
    let route = routes[visit];
    if (route.x - params.first_expert < params.expert_count) {
      sum = fma(bitcast<f32>(route.y), x[visit * params.x_stride + i], sum);
    }
  }
  y[at] = sum;
}

