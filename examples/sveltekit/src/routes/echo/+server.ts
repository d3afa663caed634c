export const POST = async ({ request }: { request: Request }): Promise<Response> => Response.json(await request.json())
