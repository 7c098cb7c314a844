package remote

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"tabseek/server/commandline"
)

// An Upstream is a server with OpenAI's API that the page may ask.
type Upstream struct {
	Name string
	url  *url.URL // without /v1
	key  string   // sent as a bearer token; may be empty
}

// Path is where the page finds it.
func (u Upstream) Path() string { return Prefix + u.Name }

// A name stands in addresses and in front of =, so it has no signs that mean something there.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Parse reads upstreams as a command line has them: NAME=URL. Keys lie in environment variables: VAR is for all, NAME=VAR for one.
func Parse(specs, keyVariables []string) ([]Upstream, error) {
	var upstreams []Upstream
	index := map[string]int{}
	for _, spec := range specs {
		u, err := parseUpstream(spec)
		if err != nil {
			return nil, err
		}
		if _, ok := index[u.Name]; ok {
			return nil, commandline.UsageError("--remote %s: there are two of that name", u.Name)
		}
		index[u.Name] = len(upstreams)
		upstreams = append(upstreams, u)
	}
	if len(keyVariables) > 0 && len(upstreams) == 0 {
		return nil, commandline.UsageError("--remote-key-env needs --remote")
	}
	for _, spec := range keyVariables {
		name, variable, one := strings.Cut(spec, "=")
		if !one {
			variable = spec
		}
		key, err := Secret("--remote-key-env", variable)
		if err != nil {
			return nil, err
		}
		if i, ok := index[name]; one && ok {
			upstreams[i].key = key
			continue
		} else if one {
			return nil, commandline.UsageError("--remote-key-env %s: there is no --remote of that name", spec)
		}
		for i := range upstreams {
			if upstreams[i].key == "" { // NAME=VAR may stand before
				upstreams[i].key = key
			}
		}
	}
	return upstreams, nil
}

func parseUpstream(spec string) (Upstream, error) {
	name, address, ok := strings.Cut(spec, "=")
	if !ok || !nameForm.MatchString(name) {
		return Upstream{}, commandline.UsageError("--remote %s: must be NAME=URL, the name of letters, digits, dots, dashes and underscores", spec)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return Upstream{}, commandline.UsageError("--remote %s: must be an address of http:// or https://", name)
	}
	switch {
	case u.User != nil:
		return Upstream{}, commandline.UsageError("--remote %s: a key does not belong in an address, but in a variable that --remote-key-env names", name)
	case u.RawQuery != "" || u.Fragment != "":
		return Upstream{}, commandline.UsageError("--remote %s: the address has a query or a fragment", name)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(u.Path, "/v1") {
		return Upstream{}, commandline.UsageError("--remote %s: the address goes without /v1", name)
	}
	return Upstream{Name: name, url: u}, nil
}

// Secret is the content of an environment variable that a flag names: a key that is empty by mistake would be none.
func Secret(flag, variable string) (string, error) {
	secret := strings.TrimSpace(os.Getenv(variable))
	if secret == "" {
		return "", fmt.Errorf("%s %s: that variable is empty", flag, variable)
	}
	for _, c := range secret {
		if c < ' ' || c > '~' {
			return "", fmt.Errorf("%s %s: that variable holds something that no HTTP header may", flag, variable)
		}
	}
	return secret, nil
}
