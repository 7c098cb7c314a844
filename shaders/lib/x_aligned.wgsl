// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+31, of which `left` belong to the row: here always all.
fn x_block(at: u32, left: u32) -> Block {
  let i = at / 4u;
  return Block(x[i], x[i + 1u], x[i + 2u], x[i + 3u], x[i + 4u], x[i + 5u], x[i + 6u], x[i + 7u]);
}

fn x1(at: u32) -> f32 {
  return x[at / 4u][at % 4u];
}
