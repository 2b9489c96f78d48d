"""`milepost demo connect`: partners that send by SFTP, as Excel, and by HTTP, each with a receipt for each file."""
