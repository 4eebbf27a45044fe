"""What the suite adds to the example files: the calls of a gRPC service, as `tollgate manual plugin` says how."""

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"

# nginx has no way to forward a call with listed headers alone, so that its file sends calls to the gateway itself.
_ENVOY_ROUTE = f"""\
                        - match: {{ prefix: "/{SERVICE}/" }}
                          route: {{ cluster: collector }}
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              check_settings: {{ disable_request_body_buffering: true }}
"""
_ENVOY_CLUSTER = """\
    - name: collector
      type: STATIC
      connect_timeout: 2s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
      load_assignment:
        cluster_name: collector
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 4317 } } } }] }]
"""
_ENVOY = {"                        # Sign-in, consent": _ENVOY_ROUTE, "    - name: authorizer\n": _ENVOY_CLUSTER}
_CADDY = f"""\
	handle /{SERVICE}/* {{
		route {{
			request_header -Connection
			forward_auth 127.0.0.1:9902 {{
				uri /auth/caddy
				copy_headers X-Scope-OrgID X-Tollgate-User X-Request-Id traceparent
			}}
			reverse_proxy h2c://127.0.0.1:4317 {{
				header_up -Authorization
				header_up -Cookie
			}}
		}}
	}}
"""
_TRAEFIK_ROUTER = f"""\
    calls:
      rule: PathPrefix(`/{SERVICE}/`)
      service: collector
      middlewares: [authorize]
"""
_TRAEFIK_SERVICE = '    collector: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:4317" }] } }\n'

# By file: what stands before which line.
ADDED = {
    "envoy-grpc.yaml": _ENVOY,
    "envoy-http.yaml": _ENVOY,
    "Caddyfile": {"\tadmin off": "\tservers {\n\t\tprotocols h1 h2c\n\t}\n", "\t# Sign-in, consent": _CADDY},
    "traefik.yaml": {"    # Sign-in, consent": _TRAEFIK_ROUTER, "    tollgate: { loadBalancer": _TRAEFIK_SERVICE},
}
