// q4_k: nibble * (d * scale) - dmin * min; 4 words among the scales for the 8 blocks of a super-block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn affine(word: u32, scale: f32, least: f32) -> vec4<f32> {
  return scale * vec4<f32>(nibbles(word)) - least;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let s = scale_and_least(at / 8u * 4u, at % 8u);
  let scale = s.x;
  let least = s.y;
  let v = weights[at];
  return Block(
    affine(v.x, scale, least), affine(v.y, scale, least), affine(v.z, scale, least), affine(v.w, scale, least),
    affine(v.x >> 4u, scale, least), affine(v.y >> 4u, scale, least), affine(v.z >> 4u, scale, least), affine(v.w >> 4u, scale, least),
  );
}
