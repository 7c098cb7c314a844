// The weight of an RMSNorm that is applied to x on the way, read 4 at a time: the width is a multiple of 32.
@group(0) @binding(2) var<storage, read> norm: array<vec4<f32>>;

// Elements k .. k+31 of a row times their weights.
fn normed(v: Block, k: u32, left: u32) -> Block {
  let i = k / 4u;
  return Block(
    v.a * norm[i], v.b * norm[i + 1u], v.c * norm[i + 2u], v.d * norm[i + 3u],
    v.e * norm[i + 4u], v.f * norm[i + 5u], v.g * norm[i + 6u], v.h * norm[i + 7u],
  );
}

// What the sums of a row are divided by, from its sum of squares.
fn rms(square: f32) -> f32 {
  return sqrt(square / f32(params.width) + params.epsilon);
}
