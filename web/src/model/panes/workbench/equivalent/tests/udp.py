#!/usr/bin/env python3
from socket import *

s3 = socket(AF_INET, SOCK_DGRAM)
s3.sendto('hi 世界'.encode(), ('127.0.0.1', 12000))
message, address = s3.recvfrom(2048)
print(message.decode())
s3.close()
