# Which capability of the manifest allows a request. Manifests come as an index (src/manifests/index-manifests.ts): for each
# exact host and each wildcard suffix the list of capabilities that cover it, lowest place in the manifest first.
package sallyport

manifest := data.integrations[input.integration.name]

capability := capabilities_of_http[0] if {
	input.request.kind == "http"
} else := tunnel_capability if {
	input.request.kind == "tunnel"
} else := capabilities_of_service[0] if {
	input.request.kind == "service"
} else := capabilities_of_file[0] if {
	input.request.kind == "file"
} else := {"id": "self", "obligations": {}} if {
	input.request.kind == "self"
	manifest
} else := {"id": on_host(input.lookup.host)[0].id, "obligations": {}} if {
	# Only rules look up the addresses of a name, and only of a name that their manifest allows.
	input.request.kind == "lookup"
}

# Plain HTTP is judged in the clear; https inside an interception.
visible := {"http": "none", "https": "intercept"}

capabilities_of_http := [grant |
	some grant in on_host(input.http.host)
	grant.tls == visible[input.http.scheme]
	input.http.port in grant.ports
	allows_method(grant, input.http.method)
	not is_unchosen(grant, input.http)
	allows_path(grant, input.http)
	allows_query(grant, input.http)
	allows_websocket(grant, input.http)
]

capabilities_of_tunnel := [grant |
	some grant in on_host(input.tunnel.host)
	input.tunnel.port in grant.ports
]

# An opened tunnel wins over a blind one to the same place, so that the requests inside can be judged. Some clients tunnel
# plain HTTP as well (Node's fetch does), so "none" opens a tunnel too: each request inside is judged by its actual scheme.
tunnel_capability := object.union(grant, {"obligations": object.union(grant.obligations, {"tls": "intercept"})}) if {
	grant := [grant | some grant in capabilities_of_tunnel; grant.tls in {"none", "intercept"}][0]
} else := object.union(grant, {"obligations": object.union(grant.obligations, {"tls": "tunnel"})}) if {
	grant := capabilities_of_tunnel[0]
}

capabilities_of_service := [grant |
	some grant in manifest.services[input.service.name]
	allows_method(grant, input.service.method)
	not is_unchosen(grant, input.service)
	allows_path(grant, input.service)
	allows_query(grant, input.service)
	allows_websocket(grant, input.service)
]

capabilities_of_file := [grant |
	some grant in manifest.files[input.file.root]
	input.file.action in grant.actions
	allows_path(grant, {"path": input.file.path})
]

on_host(host) := listed if {
	listed := manifest.network.exact[host]
} else := below[0] if {
	manifest.network.wildcards
	below := under_suffix(host)
	count(below) > 0
} else := manifest.network.any if {
	not is_address(host)
} else := []

# Longest suffix first. The apex is not below itself.
under_suffix(host) := [found |
	labels := split(host, ".")
	some i, _ in labels
	i > 0
	found := manifest.network.suffix[concat(".", array.slice(labels, i, count(labels)))]
]

# A canonical host of digits and dots is an IPv4 address, one with a colon is IPv6.
is_address(host) if contains(host, ":")

is_address(host) if {
	host != ""
	trim_left(host, "0123456789.") == ""
}

allows_method(grant, _) if grant.anyMethod

allows_method(grant, method) if method in grant.methods

# The gateway gathers the values of each key that has a condition; null is among them where origins could read another value.
allows_query(grant, _) if not grant.query

allows_query(grant, target) if {
	every key, values in grant.query {
		allows_values(values, object.get(target.judgedQuery, key, []))
	}
}

allows_values([], []) := true

allows_values(values, given) if {
	count(given) > 0
	every value in given {
		value in values
	}
}

allows_websocket(_, target) if not target.websocket

allows_websocket(grant, _) if grant.websocket
