// q8_0: a block is 2 words of 16 int8, times one f16 scale.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;  // two f16 each

// The 4 signed bytes of a word.
fn signed_bytes(word: u32) -> vec4<f32> {
  let high = vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u);
  return vec4<f32>(bitcast<vec4<i32>>(high) >> vec4<u32>(24u));
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let scale = unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x;
  let v = weights[2u * at];
  let w = weights[2u * at + 1u];
  return Block(
    scale * signed_bytes(v.x), scale * signed_bytes(v.y), scale * signed_bytes(v.z), scale * signed_bytes(v.w),
    scale * signed_bytes(w.x), scale * signed_bytes(w.y), scale * signed_bytes(w.z), scale * signed_bytes(w.w),
  );
}
