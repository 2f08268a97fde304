"""A gRPC server with the standard health service, over cleartext or TLS; tells its port and serves until it is ended.

A line on its input, `SERVING` or `NOT_SERVING`, changes what the health service says of the server.
"""

import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
servicer = health.HealthServicer()
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
if len(sys.argv) > 1:
    key, certificate = (open(name, "rb").read() for name in sys.argv[1:])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
for line in sys.stdin:
    servicer.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(line.strip()))
server.wait_for_termination()
