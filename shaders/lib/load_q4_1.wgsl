// q4_1: nibble * d + m; f16 d and m of each block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn affine(word: u32, scale: f32, least: f32) -> vec4<f32> {
  return scale * vec4<f32>(nibbles(word)) - least;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let d = unpack2x16float(scales[at]);
  let scale = d.x;
  let least = -d.y;
  let v = weights[at];
  return Block(
    affine(v.x, scale, least), affine(v.y, scale, least), affine(v.z, scale, least), affine(v.w, scale, least),
    affine(v.x >> 4u, scale, least), affine(v.y >> 4u, scale, least), affine(v.z >> 4u, scale, least), affine(v.w >> 4u, scale, least),
  );
}
