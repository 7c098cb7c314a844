// Of each sequence's 1 + DEPTH rows the last that was accepted: y[n] = x[n * (1 + DEPTH) + accepted[n] - 1]. Workgroup y is the
// sequence, x counts elements.

struct Params {
  width: u32,
  x_stride: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> accepted: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y * (1u + DEPTH) + max(accepted[group.y], 1u) - 1u;
  let i = 64u * group.x + thread;
  if (i < params.width) {
    y[group.y * params.y_stride + i] = x[row * params.x_stride + i];
  }
}
