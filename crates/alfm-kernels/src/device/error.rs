/// Why a device can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("no device is called `{name}`: this machine and this build offer {offered}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The devices that are there.
        offered: String,
    },
    /// The program was built without it.
    #[error(
        "device `{device}` is not built in: this machine and this build offer {offered}; \
         build with `--features {device}` for it"
    )]
    NotBuilt {
        /// The device.
        device: &'static str,
        /// The devices that are there.
        offered: String,
    },
    /// The machine lacks it.
    #[error(
        "device `{device}` is not there ({reason}): this machine and this build offer {offered}"
    )]
    Absent {
        /// The device.
        device: &'static str,
        /// What its driver says.
        reason: String,
        /// The devices that are there.
        offered: String,
    },
    /// It was there, and failed.
    #[error("device `{device}` failed: {reason}; less at a time, or `cpu`, may do")]
    Failed {
        /// The device.
        device: &'static str,
        /// What its driver says.
        reason: String,
    },
    /// A row is longer than the longest buffer of the device.
    #[error(
        "device `{device}` holds no row of {columns} numbers: its longest buffer is {bytes} bytes"
    )]
    RowTooWide {
        /// The device.
        device: &'static str,
        /// Numbers in a row.
        columns: usize,
        /// The longest buffer.
        bytes: usize,
    },
}
