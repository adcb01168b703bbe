//! File systems read without the system's help: disk images and raw devices, NTFS with its MFT and change journal, ext4.
