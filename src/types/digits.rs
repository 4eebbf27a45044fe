//! Numbers and addresses as text without the formatting machinery, for what is written with every request.

use std::fmt::Write as _;
use std::net::IpAddr;

/// A number in decimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    text: [u8; 20],
    from: usize,
}

impl Digits {
    /// The digits of a number.
    #[must_use]
    pub fn of(mut number: u64) -> Self {
        let (mut text, mut from) = ([b'0'; 20], 20);
        loop {
            from -= 1;
            text[from] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                return Self { text, from };
            }
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.from..]
    }

    /// Adds them to a text.
    pub fn push_to(&self, text: &mut String) {
        text.extend(self.as_bytes().iter().map(|digit| char::from(*digit)));
    }
}

/// Adds an address to a text, as it prints.
pub fn push_ip(text: &mut String, ip: IpAddr) {
    let IpAddr::V4(v4) = ip else {
        // Writing to a String does not fail.
        let _ = write!(text, "{ip}");
        return;
    };
    for (at, part) in v4.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        Digits::of(u64::from(part)).push_to(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_what_is_printed(number in any::<u64>(), four in any::<[u8; 4]>(), six in any::<[u16; 8]>()) {
            for number in [number, number % 1000, 0, u64::MAX] {
                let mut text = String::new();
                Digits::of(number).push_to(&mut text);
                prop_assert_eq!(&text, &number.to_string());
            }
            for ip in [IpAddr::from(four), IpAddr::from(six)] {
                let mut text = String::new();
                push_ip(&mut text, ip);
                prop_assert_eq!(&text, &ip.to_string());
            }
        }
    }
}
