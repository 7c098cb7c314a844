// RMSNorm of rows: y[r, y_offset + i] = norm[i] * x[r, x_offset + i] / sqrt(mean(x[r]^2) + epsilon).
// One workgroup normalises one row; a thread takes every 64th element. In place (x and y the same) is not allowed.

struct Params {
  width: u32,
  x_stride: u32,  // elements from one row of x to the next
  x_offset: u32,  // first element of a row of x that is used
  y_stride: u32,
  y_offset: u32,  // first element of a row of y that is written
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let first = row * params.x_stride + params.x_offset;
  var squares = 0.0;
  for (var i = lane; i < params.width; i += 64u) {
    let v = x[first + i];
    squares += v * v;
  }
  partial[lane] = squares;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 64u; i++) {
    total += partial[i];
  }
  let scale = 1.0 / sqrt(total / f32(params.width) + params.epsilon);
  for (var i = lane; i < params.width; i += 64u) {
    y[row * params.y_stride + params.y_offset + i] = norm[i] * x[first + i] * scale;
  }
}
