package architecture_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/architecture"
)

// Every published model that comes along is of an architecture that is known, and is made by its name.
func TestPublished(t *testing.T) {
	for _, name := range architecture.Published() {
		t.Run(name, func(t *testing.T) {
			config, tensors, err := architecture.PublishedShape(name, 1, 1000)
			require.NoError(t, err)
			require.Equal(t, 1, config.Dimensions().Layers)
			require.Equal(t, 1000, config.Dimensions().VocabSize)
			require.NotEmpty(t, tensors)
		})
	}
	_, _, err := architecture.PublishedShape("gpt-2", 0, 0)
	require.Error(t, err)
}

func TestUnknown(t *testing.T) {
	for model, want := range map[string]string{
		`{"model_type": "gemma"}`:        `model_type "gemma" is not supported, only deepseek_v2`,
		`{"model_type": "deepseek_v32"}`: "sparse attention",
		`{}`:                             `model_type "" is not supported`,
		`[]`:                             "config: ",
	} {
		_, err := architecture.Parse([]byte(model))
		require.ErrorContains(t, err, want)
	}
}
