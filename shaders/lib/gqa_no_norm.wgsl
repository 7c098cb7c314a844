// Queries and keys are turned as they are.
fn normalised(part: u32, thread: u32, epsilon: f32) {}
