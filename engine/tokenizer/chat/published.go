package chat

// published are the published templates by their Hash.
var published = map[string]string{
	"8aeba567270fa9a8": DeepSeekV2, // DeepSeek-V2, V2-Lite-Chat, Coder-V2
	"cac8d3ea82bac9a9": "deepseek-v2.5",
	"3b8267e54b67df65": DeepSeekV3,
	"45690185067ea25c": DeepSeekV31,
	"3a3036eeb96ca0e4": "deepseek-r1-free", // January 2025
	"563b1ce7d61d50a9": DeepSeekR1,         // since February 2025
	"53671bac29bcb3e1": DeepSeekR10528,     // R1-0528 and R1-0528-Qwen3-8B
	"b6835114b7303ddd": "r1-distill-free",  // January 2025
	"56a1447ad31926fd": "r1-distill",       // R1-Distill-Qwen and -Llama
	"6b8f9563736bb6f8": Moonlight,
	"aab20feb9bc6881f": Moonlight, // Kimi-K2 of July 2025
	"0d8c1b9b65099ad3": "kimi-k2", // September 2025
	"c06a13ddd7473f73": "kimi-k2-indent",
	"080a2fa67b095d04": "kimi-k2-newline", // November 2025
	"d63ad536c3c81880": "glm-4.7",
	"bbbf2de800b645df": "gigachat3",
	"304f0d64aa3ba30e": "gigachat3", // GigaChat3.1
	"2adf98abf6edef05": "youtu",
	"55b2f4a26ac9ee71": "chatml", // Qwen2.5
	"87a2728cb8dc9fe4": "qwen3",
	"dbd75fe18b14711f": "minicpm3",
	"ba03a121d097859c": "llama3",
}
