// The activations x, of any width and at any offset.
@group(0) @binding(1) var<storage, read> x: array<f32>;

// Elements at .. at+3, of which `left` belong to the row; the others count as 0.
fn x4(at: u32, left: u32) -> vec4<f32> {
  if (left >= 4u) {
    return vec4<f32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
  }
  var v = vec4<f32>(0.0);
  if (left > 0u) { v.x = x[at]; }
  if (left > 1u) { v.y = x[at + 1u]; }
  if (left > 2u) { v.z = x[at + 2u]; }
  return v;
}
