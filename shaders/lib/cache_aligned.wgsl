// Rows of a cache whose parts begin at whole vec4s, and are whole vec4s.
@group(0) @binding(3) var<storage, read> cache: array<vec4<f32>>;

// Four elements from one on, of which so many are there.
fn cached_vec(at: u32, left: u32) -> vec4<f32> {
  return cache[at / 4u];
}
