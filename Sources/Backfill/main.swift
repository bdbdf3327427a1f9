import ArgumentParser
import NIOPosix
print("hello")
