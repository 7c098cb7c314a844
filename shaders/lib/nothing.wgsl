// Below every score: WGSL does not promise infinities.
const NOTHING: f32 = -3.0e38;
