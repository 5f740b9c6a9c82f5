# What the default policy decides, and how authors' rules change it.
package sallyport

index := {"weather": {
	"network": {
		"exact": {
			"api.example.com": [
				{"id": "network/0", "ports": [443], "methods": ["GET"], "paths": {"any": false, "exact": {"/v1": true}, "prefixes": ["/v1/"], "globs": ["/v2/*/items"]}, "tls": "intercept", "obligations": {"timeoutMs": 100}},
				{"id": "network/1", "ports": [80], "anyMethod": true, "methods": [], "paths": {"any": true, "exact": {}, "prefixes": [], "globs": []}, "tls": "none", "obligations": {}},
			],
			"blind.example.com": [{"id": "network/2", "ports": [443], "anyMethod": true, "methods": [], "paths": {"any": true, "exact": {}, "prefixes": [], "globs": []}, "tls": "tunnel", "obligations": {}}],
		},
		"suffix": {"example.org": [{"id": "network/3", "ports": [443], "anyMethod": true, "methods": [], "paths": {"any": true, "exact": {}, "prefixes": [], "globs": []}, "tls": "intercept", "obligations": {}}]},
		"any": [{"id": "network/4", "ports": [8080], "anyMethod": true, "methods": [], "paths": {"any": true, "exact": {}, "prefixes": [], "globs": []}, "tls": "none", "obligations": {}}],
		"wildcards": true,
	},
	"services": {"search": [{"id": "services/0", "methods": ["GET"], "paths": {"any": true, "exact": {}, "prefixes": [], "globs": []}, "websocket": false, "obligations": {}}]},
	"files": {"data": [{"id": "files/0", "actions": ["read"], "paths": {"any": false, "exact": {}, "prefixes": ["public/"], "globs": []}, "obligations": {}}]},
}}

http(changes) := {"integration": {"name": "weather"}, "request": {"kind": "http"}, "http": object.union({"scheme": "https", "host": "api.example.com", "port": 443, "method": "GET", "path": "/v1/a"}, changes)}

tunnel(host, port) := {"integration": {"name": "weather"}, "request": {"kind": "tunnel"}, "tunnel": {"host": host, "port": port}}

service(changes) := {"integration": {"name": "weather"}, "request": {"kind": "service"}, "service": object.union({"name": "search", "method": "GET", "path": "/", "websocket": false}, changes)}

file(changes) := {"integration": {"name": "weather"}, "request": {"kind": "file"}, "file": object.union({"root": "data", "path": "public/a", "action": "read"}, changes)}

decide(document) := got if {
	got := decision with input as document with data.integrations as index
}

allowed_by(document, rule) if {
	got := decide(document)
	got.allow == true
	got.rule == rule
}

denied_for(document, reason) if {
	got := decide(document)
	got.allow == false
	got.rule == "default/deny"
	reason in got.reasons
}

test_http_allowed if allowed_by(http({}), "default/network/0")

test_obligations_of_the_capability if decide(http({})).obligations == {"timeoutMs": 100}

test_the_capability_is_named if decide(http({})).capability == "network/0"

test_the_capability_of_a_tunnel_is_named if decide(tunnel("blind.example.com", 443)).capability == "network/2"

test_the_capability_of_a_file_is_named if decide(file({})).capability == "files/0"

test_a_denial_names_no_capability if not decide(http({"path": "/admin"})).capability

test_exact_path if allowed_by(http({"path": "/v1"}), "default/network/0")

test_glob_path if allowed_by(http({"path": "/v2/7/items"}), "default/network/0")

test_glob_star_stays_within_a_segment if denied_for(http({"path": "/v2/7/8/items"}), "network/0 does not allow the path /v2/7/8/items")

test_path_denied if denied_for(http({"path": "/admin"}), "network/0 does not allow the path /admin")

test_method_denied if denied_for(http({"method": "POST"}), "network/0 does not allow the method POST")

test_head_is_not_get if denied_for(http({"method": "HEAD"}), "network/0 does not allow the method HEAD")

test_port_denied if denied_for(http({"port": 8443}), "network/0 does not allow the port 8443")

test_host_unknown if denied_for(http({"host": "other.example.com", "port": 443}), "network/4 does not allow the port 443")

test_scheme_must_fit if denied_for(http({"scheme": "http"}), "network/0 has tls: intercept, and this is http")

test_plain_http if allowed_by(http({"scheme": "http", "port": 80, "path": "/any"}), "default/network/1")

# Encoded slashes and empty segments.
forms(choice) := {"weather": {
	"network": {"exact": {"npm.example": [object.union({"id": "network/0", "ports": [443], "anyMethod": true, "paths": {"exact": {"/@types%2Fnode": true, "/keys//a": true}, "prefixes": ["/all/"], "globs": ["/*", "/a/*/b", "/@a%2F*", "/x//*"]}, "tls": "intercept", "obligations": {}}, choice)]}, "suffix": {}, "any": [], "wildcards": false},
	"services": {"npm": [object.union({"id": "services/0", "anyMethod": true, "paths": {"globs": ["/@a%2F*", "/x//*"]}, "websocket": false, "obligations": {}}, choice)]},
	"files": {"data": [{"id": "files/0", "actions": ["read"], "paths": {"globs": ["*.txt"]}, "obligations": {}}]},
}}

literal := {"encodedSlash": true, "emptySegments": true}

form_of(path) := object.union({"path": path}, {form: true |
	some form, sign in {"encodedSlash": "%2F", "emptySegments": "//"}
	contains(path, sign)
})

decide_form(choice, path) := got if {
	got := decision with input as http(object.union({"host": "npm.example"}, form_of(path))) with data.integrations as forms(choice)
}

test_encoded_slash_by_a_pattern_that_writes_it if {
	every path in ["/@types%2Fnode", "/@a%2Fb", "/all/x%2Fy", "/all/%2F"] {
		decide_form(literal, path).allow
	}
}

test_star_is_no_encoded_slash if {
	every path in ["/b%2Fc", "/%2F", "/a/x%2Fy/b", "/a/%2F/b", "/@a%2Fb%2Fc", "/@a%2Fb/c"] {
		not decide_form(literal, path).allow
	}
}

test_empty_segment_by_a_pattern_that_writes_it if {
	every path in ["/keys//a", "/x//y", "/x//", "/all//x", "/all///"] {
		decide_form(literal, path).allow
	}
}

test_star_is_no_empty_segment if {
	every path in ["//b", "//", "/a//b", "/x///", "/x///y", "/x//y//"] {
		not decide_form(literal, path).allow
	}
}

test_unchosen_form_is_denied if {
	every path in ["/@types%2Fnode", "/all/x%2Fy", "/keys//a", "/all//x"] {
		not decide_form({}, path).allow
	}
	not decide_form({"emptySegments": true}, "/all/x%2Fy").allow
	not decide_form({"encodedSlash": true}, "/all//x").allow
	not decide_form({"encodedSlash": true}, "/all//x%2Fy").allow
}

test_unchosen_form_says_what_is_missing if {
	got := decide_form({}, "/all/x%2Fy")
	"network/0 does not say encodedSlash: literal, and the path has an encoded slash: /all/x%2Fy" in got.reasons
}

test_service_forms if {
	every path, allowed in {"/@a%2Fb": true, "/x//y": true, "/@a/b%2Fc": false} {
		got := decision with input as service(object.union({"name": "npm"}, form_of(path))) with data.integrations as forms(literal)
		got.allow == allowed
	}
}

test_file_names_have_no_forms if {
	got := decision with input as file({"path": "a%2Fb.txt"}) with data.integrations as forms({})
	got.allow
}

test_rules_open_no_form_that_the_manifest_has_not_chosen if {
	asked := http(object.union({"host": "npm.example"}, form_of("/b%2Fx")))
	every tried in [{"choice": literal, "allow": true}, {"choice": {}, "allow": false}, {"choice": {"emptySegments": true}, "allow": false}] {
		got := decision with input as asked with data.integrations as forms(tried.choice) with data.sallyport.rules as {"allow": {"all"}}
		got.allow == tried.allow
	}
}

fetch_only := {"weather": {
	"network": {"exact": {"git.example": [{"id": "network/0", "ports": [443], "anyMethod": true, "paths": {"any": true}, "query": {"service": ["git-upload-pack"], "force": []}, "tls": "intercept", "obligations": {}}]}, "suffix": {}, "any": [], "wildcards": false},
	"services": {"git": [{"id": "services/0", "anyMethod": true, "paths": {"any": true}, "query": {"service": ["git-upload-pack"]}, "websocket": false, "obligations": {}}]},
}}

decide_query(judged) := got if {
	got := decision with input as http({"host": "git.example", "judgedQuery": judged}) with data.integrations as fetch_only
}

test_query_allowed if {
	every judged in [{"service": ["git-upload-pack"]}, {"service": ["git-upload-pack", "git-upload-pack"]}] {
		decide_query(judged).allow
	}
}

test_query_denied if {
	every judged in [{}, {"service": []}, {"service": ["git-receive-pack"]}, {"service": ["git-upload-pack", "git-receive-pack"]}, {"service": ["git-upload-pack", null]}, {"service": ["git-upload-pack"], "force": [""]}, {"service": ["git-upload-pack"], "force": [null]}] {
		not decide_query(judged).allow
	}
}

test_query_that_was_not_judged_is_denied if {
	got := decision with input as http({"host": "git.example"}) with data.integrations as fetch_only
	not got.allow
}

test_query_denied_says_which_key if {
	decide_query({"service": ["git-receive-pack"]}).reasons == ["network/0 does not allow this value of the query key \"service\""]
}

test_query_of_a_service if {
	every value, allowed in {"git-upload-pack": true, "git-receive-pack": false} {
		got := decision with input as service({"name": "git", "judgedQuery": {"service": [value]}}) with data.integrations as fetch_only
		got.allow == allowed
	}
}

test_wildcard_below if allowed_by(http({"host": "a.b.example.org"}), "default/network/3")

test_wildcard_not_the_apex if not decide(http({"host": "example.org"})).allow

test_wildcard_not_a_look_alike if not decide(http({"host": "evilexample.org"})).allow

test_any_name if allowed_by(http({"host": "x.net", "port": 8080, "scheme": "http"}), "default/network/4")

test_any_is_no_address if not decide(http({"host": "10.0.0.1", "port": 8080, "scheme": "http"})).allow

test_any_is_no_v6_address if not decide(http({"host": "fd00::1", "port": 8080, "scheme": "http"})).allow

test_prototype_is_a_host_like_any if not decide(http({"host": "__proto__"})).allow

test_no_manifest if {
	got := decision with input as object.union(http({}), {"integration": {"name": "nobody"}}) with data.integrations as index
	got == {"allow": false, "rule": "default/deny", "reasons": ["the integration \"nobody\" has no manifest"], "obligations": {}}
}

test_empty_allowlist if {
	got := decision with input as http({}) with data.integrations as {"weather": {"network": {"exact": {}, "suffix": {}, "any": [], "wildcards": false}, "services": {}, "files": {}}}
	got.allow == false
	got.reasons == ["no network capability names the host \"api.example.com\""]
}

test_tunnel_blind if decide(tunnel("blind.example.com", 443)).obligations == {"tls": "tunnel"}

test_tunnel_opened if decide(tunnel("api.example.com", 443)).obligations == {"tls": "intercept", "timeoutMs": 100}

test_tunnel_of_plain_http_is_opened if decide(tunnel("api.example.com", 80)).obligations == {"tls": "intercept"}

test_tunnel_denied if denied_for(tunnel("blind.example.com", 22), "network/2 does not allow the port 22")

test_tunnel_unknown if {
	got := decision with input as tunnel("x.net", 443) with data.integrations as {"weather": {"network": {"exact": {}, "suffix": {}, "any": [], "wildcards": false}}}
	got.reasons == ["no network capability names the host \"x.net\""]
}

test_service_allowed if allowed_by(service({}), "default/services/0")

test_service_method if denied_for(service({"method": "POST"}), "services/0 does not allow the method POST")

test_websocket if denied_for(http({"websocket": true}), "network/0 does not allow WebSockets")

test_websocket_allowed if {
	got := decision with input as http({"websocket": true}) with data.integrations as {"weather": {"network": {"exact": {"api.example.com": [
		{"id": "network/0", "ports": [443], "anyMethod": true, "paths": {"any": true}, "tls": "intercept", "obligations": {}},
		{"id": "network/1", "ports": [443], "anyMethod": true, "paths": {"any": true}, "tls": "intercept", "websocket": true, "obligations": {}},
	]}, "suffix": {}, "any": [], "wildcards": false}}}
	got.rule == "default/network/1"
}

test_service_websocket if denied_for(service({"websocket": true}), "services/0 does not allow WebSockets")

test_service_unknown if denied_for(service({"name": "other"}), "no service capability names \"other\"")

test_file_allowed if allowed_by(file({}), "default/files/0")

test_file_action if denied_for(file({"action": "write"}), "files/0 does not allow to write")

test_file_path if denied_for(file({"path": "private/a"}), "files/0 does not allow the path private/a")

test_file_unknown if denied_for(file({"root": "other"}), "no file capability is called \"other\"")

test_self if allowed_by({"integration": {"name": "weather"}, "request": {"kind": "self"}}, "default/self")

lookup(host) := {"integration": {"name": "weather"}, "request": {"kind": "lookup"}, "lookup": {"host": host}}

test_lookup_of_a_named_host if allowed_by(lookup("api.example.com"), "default/network/0")

test_lookup_below_a_suffix if allowed_by(lookup("a.example.org"), "default/network/3")

test_lookup_unknown if {
	got := decision with input as lookup("x.net") with data.integrations as {"weather": {"network": {"exact": {}, "suffix": {}, "any": [], "wildcards": false}}}
	got.reasons == ["no network capability names the host \"x.net\""]
}

test_uncovered_says_what_is_lacking if {
	got := uncovered with input as http({"path": "/admin"}) with data.integrations as index
	"network/0 does not allow the path /admin" in got
}

test_covered_by_the_manifest if not uncovered with input as http({}) with data.integrations as index

test_covered_by_a_rule if {
	asked := http({"path": "/admin"})
	uncovered with input as asked with data.integrations as index
	not uncovered with input as asked with data.integrations as index with data.sallyport.rules as {"allow": {"admins"}}
}

test_no_rule_covers_an_unknown_integration if {
	asked := object.union(http({}), {"integration": {"name": "nobody"}})
	uncovered with input as asked with data.integrations as index with data.sallyport.rules as {"allow": {"all"}}
}

test_no_rule_covers_a_form_that_the_manifest_has_not_chosen if {
	asked := http(object.union({"host": "npm.example"}, form_of("/b%2Fx")))
	uncovered with input as asked with data.integrations as forms({}) with data.sallyport.rules as {"allow": {"all"}}
}

test_unknown_kind if not decide({"integration": {"name": "weather"}, "request": {"kind": "kv"}}).allow

test_rules_deny_wins if {
	got := decision with input as http({}) with data.integrations as index with data.sallyport.rules as {"deny": {"not today"}, "allow": {"but"}}
	got == {"allow": false, "rule": "rules/deny", "reasons": ["not today"], "obligations": {}}
}

test_rules_allow if {
	got := decision with input as http({"path": "/admin"}) with data.integrations as index with data.sallyport.rules as {"allow": {"admins"}, "obligations": {{"timeoutMs": 5}}}
	got == {"allow": true, "rule": "rules/allow", "reasons": ["admins"], "obligations": {"timeoutMs": 5}}
}

test_rules_never_allow_an_unknown_integration if {
	got := decision with input as object.union(http({}), {"integration": {"name": "nobody"}}) with data.integrations as index with data.sallyport.rules as {"allow": {"all"}}
	got.allow == false
}

test_rules_obligations_give_way if {
	got := decision with input as http({}) with data.integrations as index with data.sallyport.rules as {"obligations": {{"maxReplyBytes": 10}, {"timeoutMs": 5}}}
	got.obligations == {"timeoutMs": 5, "maxReplyBytes": 10}
}

timed := json.patch(index, [{"op": "add", "path": "/weather/network/exact/api.example.com/0/obligations/timeouts", "value": {"connectMs": 50, "totalMs": 900}}])

stating(obligations) := result if {
	result := decision with input as http({}) with data.integrations as timed with data.sallyport.rules as {"obligations": obligations}
}

test_timeouts_of_the_capability if stating(set()).obligations.timeouts == {"connectMs": 50, "totalMs": 900}

test_the_shortest_of_each_timeout_wins if {
	stated := {{"timeouts": {"connectMs": 70, "idleMs": 30}}, {"timeouts": {"idleMs": 20, "totalMs": 800}}, {"timeoutMs": 5}}
	stating(stated).obligations == {"timeoutMs": 5, "timeouts": {"connectMs": 50, "idleMs": 20, "totalMs": 800}}
}

test_the_shortest_timeout_wins_where_rules_allow if {
	stated := {{"timeouts": {"idleMs": 30}}, {"timeouts": {"idleMs": 20}}}
	got := decision with input as http({"path": "/admin"}) with data.integrations as timed with data.sallyport.rules as {"allow": {"admins"}, "obligations": stated}
	got.obligations == {"timeouts": {"idleMs": 20}}
}

test_timeouts_that_are_none_deny if {
	every odd in [{"idleMs": "1s"}, {"idleMs": 0.5}, {"idleMs": 0}, {"idleMs": null}, 5, false, null, "1s"] {
		got := stating({{"timeouts": odd}, {"timeouts": {"idleMs": 20}}})
		got.allow == false
		got.rule == "rules/obligations"
	}
}

test_unknown_timeouts_reach_the_gateway_which_denies if stating({{"timeouts": {"dns": 5}}}).obligations.timeouts.dns == 5

test_retries_of_rules_replace_members if {
	patched := json.patch(index, [{"op": "add", "path": "/weather/network/exact/api.example.com/0/obligations/retries", "value": {"attempts": 3, "backoffMs": 50}}])
	got := decision with input as http({}) with data.integrations as patched with data.sallyport.rules as {"obligations": {{"retries": {"attempts": 1}}}}
	got.obligations.retries == {"attempts": 1, "backoffMs": 50}
}

test_rules_conflicting_obligations_deny if {
	got := decision with input as http({}) with data.integrations as index with data.sallyport.rules as {"obligations": {{"timeoutMs": 10}, {"timeoutMs": 5}}}
	got.allow == false
	got.rule == "rules/obligations"
}
