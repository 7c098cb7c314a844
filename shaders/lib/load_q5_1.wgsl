// q5_1: 5 bits * d + m; 2 words among the scales for a block: f16 d and m, then the fifth bits.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn affine(word: u32, first: u32, fifth: u32, scale: f32, least: f32) -> vec4<f32> {
  return scale * vec4<f32>(nibbles(word) | (bits(fifth, first) << vec4<u32>(4u))) - least;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let d = unpack2x16float(scales[2u * at]);
  let scale = d.x;
  let least = -d.y;
  let fifth = scales[2u * at + 1u];
  let v = weights[at];
  return Block(
    affine(v.x, 0u, fifth, scale, least), affine(v.y, 4u, fifth, scale, least), affine(v.z, 8u, fifth, scale, least), affine(v.w, 12u, fifth, scale, least),
    affine(v.x >> 4u, 16u, fifth, scale, least), affine(v.y >> 4u, 20u, fifth, scale, least), affine(v.z >> 4u, 24u, fifth, scale, least), affine(v.w >> 4u, 28u, fifth, scale, least),
  );
}
