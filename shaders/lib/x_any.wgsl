// The activations x, of any width and at any offset.
@group(0) @binding(1) var<storage, read> x: array<f32>;

// Elements at+i .. at+i+3, of which left-i belong to the row; the others count as 0.
fn x4(at: u32, left: u32, i: u32) -> vec4<f32> {
  if (left >= i + 4u) {
    return vec4<f32>(x[at + i], x[at + i + 1u], x[at + i + 2u], x[at + i + 3u]);
  }
  var v = vec4<f32>(0.0);
  if (left > i) { v.x = x[at + i]; }
  if (left > i + 1u) { v.y = x[at + i + 1u]; }
  if (left > i + 2u) { v.z = x[at + i + 2u]; }
  return v;
}

// Elements at .. at+31, of which `left` belong to the row; the others count as 0.
fn x_block(at: u32, left: u32) -> Block {
  return Block(
    x4(at, left, 0u), x4(at, left, 4u), x4(at, left, 8u), x4(at, left, 12u),
    x4(at, left, 16u), x4(at, left, 20u), x4(at, left, 24u), x4(at, left, 28u),
  );
}

fn x1(at: u32) -> f32 {
  return x[at];
}
