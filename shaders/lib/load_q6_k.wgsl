// q6_k: (6 bits - 32) * (d * scale); 21 words among the scales for the 8 blocks of a super-block: f16 d, 16 int8 scales, one for 16
// elements, and the upper 2 bits, 2 words for each block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn code(word: u32, upper: u32, first: u32) -> vec4<f32> {
  return vec4<f32>(nibbles(word) | (two_bits(upper, first) << vec4<u32>(4u))) - 32.0;
}

// int8 number i of the words from `at` on.
fn int8_at(at: u32, i: u32) -> f32 {
  return f32(bitcast<i32>(scales[at + i / 4u] << (24u - 8u * (i % 4u))) >> 24u);
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 21u;
  let b = at % 8u;
  let scale = half(scales[super_block], 0u) * vec2<f32>(int8_at(super_block + 1u, 2u * b), int8_at(super_block + 1u, 2u * b + 1u));
  let upper = vec2<u32>(scales[super_block + 5u + 2u * b], scales[super_block + 6u + 2u * b]);
  let v = weights[at];
  return Block(
    scale.x * code(v.x, upper.x, 0u), scale.x * code(v.y, upper.x, 4u), scale.x * code(v.z, upper.x, 8u), scale.x * code(v.w, upper.x, 12u),
    scale.y * code(v.x >> 4u, upper.y, 0u), scale.y * code(v.y >> 4u, upper.y, 4u), scale.y * code(v.z >> 4u, upper.y, 8u), scale.y * code(v.w >> 4u, upper.y, 12u),
  );
}
