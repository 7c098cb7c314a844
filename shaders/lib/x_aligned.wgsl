// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+3, of which `left` belong to the row: here always all.
fn x4(at: u32, left: u32) -> vec4<f32> {
  return x[at / 4u];
}
