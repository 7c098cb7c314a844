package panel

// confidences are a trace's, token by token: the negative mean log-probability of the likeliest tokens of each place, which
// is high where the model is sure (2508.15260).
type confidences struct {
	values []float32
	sum    float64 // of the tokens' own log-probabilities
}

func (c *confidences) add(confidence, logprob float64) {
	c.values = append(c.values, float32(confidence))
	c.sum += logprob
}

// score is the mean log-probability of the tokens.
func (c *confidences) score() float64 {
	if len(c.values) == 0 {
		return 0
	}
	return c.sum / float64(len(c.values))
}

// window is over how many tokens a trace's confidence is averaged: made for traces of 30,000 tokens at 2,048, less for less.
func (c *confidences) window() int { return min(max(len(c.values)/8, 128), 2048, len(c.values)) }

// tail is the confidence of the last window.
func (c *confidences) tail() float64 { return mean(c.values[len(c.values)-c.window():]) }

// lowest is the confidence of the window where it is least.
func (c *confidences) lowest() float64 {
	w := c.window()
	if w == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range c.values[:w] {
		sum += float64(v)
	}
	least := sum
	for i := w; i < len(c.values); i++ {
		sum += float64(c.values[i]) - float64(c.values[i-w])
		least = min(least, sum)
	}
	return least / float64(w)
}

// recent is the confidence of the last few tokens, for people to watch.
func (c *confidences) recent(n int) float64 { return mean(c.values[max(0, len(c.values)-n):]) }

func mean(values []float32) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
