package main

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/version"
)

// outside are the builtins that reach out of the policy: refused unless the configuration grants them.
var outside = []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}

// capabilities lists what a policy may use: everything of this OPA but what reaches outside.
func capabilities(request Request) Answer {
	all := ast.CapabilitiesForThisVersion()
	all.Builtins = slices.DeleteFunc(all.Builtins, func(builtin *ast.Builtin) bool {
		return slices.Contains(outside, builtin.Name) && !slices.Contains(request.Grants, builtin.Name)
	})
	return Answer{OPA: version.Version, Capabilities: all}
}
