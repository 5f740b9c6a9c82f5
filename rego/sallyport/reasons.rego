# Why a request is not allowed: what each similar capability lacks. Evaluated only for denials.
package sallyport

lacking contains sprintf("the integration \"%s\" has no manifest", [input.integration.name]) if not manifest

lacking contains sprintf("no network capability names the host \"%s\"", [input.http.host]) if {
	input.request.kind == "http"
	manifest
	count(on_host(input.http.host)) == 0
}

lacking contains sprintf("%s does not allow the port %d", [grant.id, input.http.port]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	not input.http.port in grant.ports
}

lacking contains sprintf("%s does not allow the method %s", [grant.id, input.http.method]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	not allows_method(grant, input.http.method)
}

lacking contains sprintf("%s does not allow the path %s", [grant.id, input.http.path]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	not allows_path(grant, input.http)
}

lacking contains sprintf("%s does not allow this value of the query key \"%s\"", [grant.id, key]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	some key, values in grant.query
	not allows_values(values, object.get(input.http.judgedQuery, key, []))
}

lacking contains sprintf("%s does not say encodedSlash: literal, and the path has an encoded slash: %s", [grant.id, input.http.path]) if {
	input.request.kind == "http"
	input.http.encodedSlash
	some grant in on_host(input.http.host)
	not grant.encodedSlash
}

lacking contains sprintf("%s does not say emptySegments: literal, and the path has an empty segment: %s", [grant.id, input.http.path]) if {
	input.request.kind == "http"
	input.http.emptySegments
	some grant in on_host(input.http.host)
	not grant.emptySegments
}

lacking contains sprintf("%s does not allow WebSockets", [grant.id]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	not allows_websocket(grant, input.http)
}

lacking contains sprintf("%s has tls: %s, and this is %s", [grant.id, grant.tls, input.http.scheme]) if {
	input.request.kind == "http"
	some grant in on_host(input.http.host)
	grant.tls != visible[input.http.scheme]
}

lacking contains sprintf("no network capability names the host \"%s\"", [input.tunnel.host]) if {
	input.request.kind == "tunnel"
	manifest
	count(on_host(input.tunnel.host)) == 0
}

lacking contains sprintf("%s does not allow the port %d", [grant.id, input.tunnel.port]) if {
	input.request.kind == "tunnel"
	some grant in on_host(input.tunnel.host)
	not input.tunnel.port in grant.ports
}

lacking contains sprintf("no network capability names the host \"%s\"", [input.lookup.host]) if {
	input.request.kind == "lookup"
	manifest
	count(on_host(input.lookup.host)) == 0
}

lacking contains sprintf("no service capability names \"%s\"", [input.service.name]) if {
	input.request.kind == "service"
	manifest
	not manifest.services[input.service.name]
}

lacking contains sprintf("%s does not allow the method %s", [grant.id, input.service.method]) if {
	input.request.kind == "service"
	some grant in manifest.services[input.service.name]
	not allows_method(grant, input.service.method)
}

lacking contains sprintf("%s does not allow the path %s", [grant.id, input.service.path]) if {
	input.request.kind == "service"
	some grant in manifest.services[input.service.name]
	not allows_path(grant, input.service)
}

lacking contains sprintf("%s does not allow this value of the query key \"%s\"", [grant.id, key]) if {
	input.request.kind == "service"
	some grant in manifest.services[input.service.name]
	some key, values in grant.query
	not allows_values(values, object.get(input.service.judgedQuery, key, []))
}

lacking contains sprintf("%s does not say encodedSlash: literal, and the path has an encoded slash: %s", [grant.id, input.service.path]) if {
	input.request.kind == "service"
	input.service.encodedSlash
	some grant in manifest.services[input.service.name]
	not grant.encodedSlash
}

lacking contains sprintf("%s does not say emptySegments: literal, and the path has an empty segment: %s", [grant.id, input.service.path]) if {
	input.request.kind == "service"
	input.service.emptySegments
	some grant in manifest.services[input.service.name]
	not grant.emptySegments
}

lacking contains sprintf("%s does not allow WebSockets", [grant.id]) if {
	input.request.kind == "service"
	some grant in manifest.services[input.service.name]
	not allows_websocket(grant, input.service)
}

lacking contains sprintf("no file capability is called \"%s\"", [input.file.root]) if {
	input.request.kind == "file"
	manifest
	not manifest.files[input.file.root]
}

lacking contains sprintf("%s does not allow to %s", [grant.id, input.file.action]) if {
	input.request.kind == "file"
	some grant in manifest.files[input.file.root]
	not input.file.action in grant.actions
}

lacking contains sprintf("%s does not allow the path %s", [grant.id, input.file.path]) if {
	input.request.kind == "file"
	some grant in manifest.files[input.file.root]
	not allows_path(grant, {"path": input.file.path})
}
