import ArgumentParser

/// A choice on the command line that is on by default, and can be switched off.
enum OnOff: String, ExpressibleByArgument, CaseIterable {
    case on, off
}
