#!/usr/bin/env python3
from socket import *
from struct import pack

s3 = socket(AF_INET, SOCK_DGRAM)
s3.setsockopt(SOL_SOCKET, SO_LINGER, pack('ii', 0, 0))
s3.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
s3.setsockopt(IPPROTO_IP, 11, 1)
try:
    s3.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # failed here: EOPNOTSUPP
except OSError as error:
    print('setsockopt:', error)
try:
    s3.connect(('::1', 12000))  # failed here: EAFNOSUPPORT
except OSError as error:
    print('connect:', error)
try:
    address = s3.getpeername()  # failed here: ENOTCONN
    print(address)
except OSError as error:
    print('getpeername:', error)
s3.connect(('127.0.0.1', 12000))
address = s3.getsockname()
print(address)
address = s3.getpeername()
print(address)
s3.settimeout(0.000)
try:
    message = s3.recv(16)  # failed here: EAGAIN
    print(message.decode())
except OSError as error:
    print('recv:', error)
s3.settimeout(None)
found = getaddrinfo('localhost', None, type=SOCK_STREAM)
print([address[0] for *_, address in found])
