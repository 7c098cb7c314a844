// Rows and activations are multiplied as f32.
alias RowBlock = Block;
alias Factor = Block;

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  return load_block(matrix, row, block, rows, blocks);
}

// Activations as dot_rows wants them.
fn factor(v: Block) -> Factor {
  return v;
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  return dot_block(w, x);
}

// Products of one, two or four rows, added to their sums: those of a block come together first, which rounds less.
fn dot_1(sum: f32, a: RowBlock, x: Factor) -> f32 {
  return sum + dot_block(x, a);
}

fn dot_2(sum: vec2<f32>, a: RowBlock, b: RowBlock, x: Factor) -> vec2<f32> {
  return sum + (x.a * mat2x4<f32>(a.a, b.a) + x.b * mat2x4<f32>(a.b, b.b) + x.c * mat2x4<f32>(a.c, b.c) + x.d * mat2x4<f32>(a.d, b.d)
    + x.e * mat2x4<f32>(a.e, b.e) + x.f * mat2x4<f32>(a.f, b.f) + x.g * mat2x4<f32>(a.g, b.g) + x.h * mat2x4<f32>(a.h, b.h));
}

fn dot_4(sum: vec4<f32>, a: RowBlock, b: RowBlock, c: RowBlock, d: RowBlock, x: Factor) -> vec4<f32> {
  return sum + (x.a * mat4x4<f32>(a.a, b.a, c.a, d.a) + x.b * mat4x4<f32>(a.b, b.b, c.b, d.b)
    + x.c * mat4x4<f32>(a.c, b.c, c.c, d.c) + x.d * mat4x4<f32>(a.d, b.d, c.d, d.d)
    + x.e * mat4x4<f32>(a.e, b.e, c.e, d.e) + x.f * mat4x4<f32>(a.f, b.f, c.f, d.f)
    + x.g * mat4x4<f32>(a.g, b.g, c.g, d.g) + x.h * mat4x4<f32>(a.h, b.h, c.h, d.h));
}
